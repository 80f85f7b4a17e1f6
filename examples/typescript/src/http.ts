import type { TokenFile } from "./token.js";
import { wait } from "./wait.js";

const MOST_TRIES = 6;
const ASK_AGAIN = new Set([401, 429, 502, 503, 504]);

/**
 * Return a `fetch` that brings the token, another one after 401, and asks again when there is no answer. Asking again
 * is safe for queries, for cases (each is opened once by its reference), and for mutations with an idempotencyKey.
 */
export function fetchWith(tokens: TokenFile): typeof fetch {
  return async (input, init) => {
    for (let tries = 0; ; tries++) {
      const isLastTry = tries + 1 === MOST_TRIES;
      const headers = new Headers(init?.headers);
      headers.set("Authorization", `Bearer ${await tokens.current()}`);
      let seconds = 0;
      try {
        const response = await fetch(input, { ...init, headers });
        const body = await response.arrayBuffer(); // an answer that breaks off is none
        if (response.status === 401) tokens.refuse();
        if (isLastTry || !ASK_AGAIN.has(response.status)) return new Response(body, response);
        seconds = Number(response.headers.get("Retry-After"));
      } catch (error) {
        if (isLastTry || init?.signal?.aborted) throw error;
      }
      await wait(tries, seconds);
    }
  };
}
