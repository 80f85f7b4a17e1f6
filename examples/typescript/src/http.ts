import type { TokenFile } from "./token.js";
import { wait } from "./wait.js";

const MOST_TRIES = 6;
const PASSING = new Set([429, 502, 503, 504]);

/**
 * Return a `fetch` that brings the token, another one after 401, and asks again when there is no answer. Asking again
 * is safe for queries, for cases (each is opened once by its reference), and for mutations with an idempotencyKey.
 */
export function fetchWith(tokens: TokenFile): typeof fetch {
  return async (input, init) => {
    for (let tries = 0; ; tries++) {
      const headers = new Headers(init?.headers);
      headers.set("Authorization", `Bearer ${await tokens.current()}`);
      try {
        const response = await fetch(input, { ...init, headers });
        const body = await response.arrayBuffer(); // an answer that breaks off is none
        if (response.status === 401) tokens.refuse();
        else if (!PASSING.has(response.status) || tries + 1 === MOST_TRIES) return new Response(body, response);
      } catch (error) {
        if (init?.signal?.aborted || tries + 1 === MOST_TRIES) throw error;
      }
      await wait(tries);
    }
  };
}
