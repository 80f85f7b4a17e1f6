// Server-sent events, for clients behind proxies that let no WebSocket through: graphql-sse, and the same recipe.
import { createClient, type Client } from "graphql-sse";
import type { WatchAnswer } from "./answers.js";
import { WATCH } from "./documents.js";
import { run, type Dunlin, type Settings } from "./example.js";
import { queries } from "./queries.js";
import { resume } from "./resume.js";
import type { TokenFile } from "./token.js";
import { wait } from "./wait.js";

const LONGEST_SILENCE_MS = 25_000; // the API says something every 15 s

function streamClient(url: string, tokens: TokenFile): Client {
  let refusal: Error | undefined;
  return createClient({
    url,
    retryAttempts: Infinity,
    retry: wait,
    async headers() {
      if (refusal) throw refusal;
      return { Authorization: `Bearer ${await tokens.current()}` };
    },
    async fetchFn(input: string, init: RequestInit) {
      const silence = new Silence();
      const response = await fetch(input, { ...init, signal: AbortSignal.any([init.signal!, silence.signal]) });
      if (response.status === 401) tokens.refuse();
      else if (isHopeless(response.status)) refusal = new Error(`${response.status}: ${await response.text()}`);
      return new Response(response.body?.pipeThrough(silence.listening()) ?? null, response);
    },
  });
}

function isHopeless(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** A connection that is dead without having been closed says nothing. `signal` aborts it then. */
class Silence {
  private readonly controller = new AbortController();
  readonly signal = this.controller.signal;
  private timer = this.begin();

  listening(): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform: (chunk, stream) => {
        clearTimeout(this.timer);
        this.timer = this.begin();
        stream.enqueue(chunk);
      },
    });
  }

  private begin(): NodeJS.Timeout {
    return setTimeout(() => this.controller.abort(), LONGEST_SILENCE_MS).unref(); // a browser needs no unref
  }
}

function dunlin(settings: Settings): Dunlin {
  const client = streamClient(`${settings.http}/stream`, settings.tokens);

  return {
    ...queries(settings),

    watch(variables, seen, failed) {
      return resume<WatchAnswer, unknown>(
        client,
        { query: WATCH, variables },
        {
          next({ data, errors }) {
            if (data) seen(data.deliveryStatus);
            else failed(errors);
          },
          error: failed,
          complete() {},
        },
      );
    },
  };
}

void run(dunlin);
