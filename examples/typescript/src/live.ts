import type { GraphQLFormattedError } from "graphql";
import {
  CloseCode,
  createClient,
  type Client,
  type FormattedExecutionResult,
  type Sink,
  type SubscribePayload,
} from "graphql-ws";
import WebSocket from "ws";
import { NoToken, type TokenFile } from "./token.js";
import { backoff, wait } from "./wait.js";

const PASSING = new Set<unknown>(["RATE_LIMITED", "TIMEOUT", "UNAVAILABLE"]);

/** Return a client of graphql-ws that connects again by itself and goes on behind the last event. */
export function liveClient(url: string, tokens: TokenFile): Client {
  let silence: NodeJS.Timeout | undefined;
  const client = createClient({
    url,
    webSocketImpl: WebSocket, // a browser has its own
    connectionParams: async () => ({ Authorization: `Bearer ${await tokens.current()}` }),
    retryAttempts: Infinity,
    retryWait: wait,
    shouldRetry: (problem) => !(problem instanceof NoToken),
    connectionAckWaitTimeout: 10_000,
    // A connection that is dead without having been closed says nothing: ask, and give it up without an answer.
    keepAlive: 10_000,
    on: {
      ping: (received) => {
        if (!received) silence = setTimeout(() => client.terminate(), 5_000);
      },
      pong: (received) => {
        if (received) clearTimeout(silence);
      },
      closed: (event) => {
        clearTimeout(silence);
        if ((event as { code?: number }).code === CloseCode.Forbidden) tokens.refuse();
      },
    },
  });
  return resuming(client);
}

/** Return `client` for subscriptions to deliveryStatus, which resume. */
export function resuming(client: Client): Client {
  return { ...client, subscribe: (payload, sink) => resume(client, payload, sink) };
}

/**
 * Subscribe and lose nothing: whenever graphql-ws subscribes anew, it sends the variables as they are then, and these
 * hold the cursor of the last event. The document selects `cursor` and has a variable `after`.
 */
function resume<Data, Extensions>(
  client: Client,
  payload: SubscribePayload,
  sink: Sink<FormattedExecutionResult<Data, Extensions>>,
): () => void {
  const variables: Record<string, unknown> = { ...payload.variables };
  let tries = 0;
  let stop = begin();
  return () => stop();

  function begin(): () => void {
    let isLeft = false;
    const end = client.subscribe<Data, Extensions>(
      { ...payload, variables },
      {
        next(result) {
          if (isLeft) return;
          // At once: the event that comes next would hide that one is missing.
          if (isPassing(result.errors)) return again();
          const cursor = cursorOf(result.data);
          if (cursor !== undefined) {
            variables["after"] = cursor;
            tries = 0;
          }
          sink.next(result);
          if (!result.data) leave();
        },
        error(problem) {
          if (isLeft) return;
          if (isPassing(problem)) again();
          else sink.error(problem);
        },
        complete() {
          if (!isLeft) again();
        },
      },
    );
    return leave;

    function leave(): void {
      isLeft = true;
      end();
      sink.complete();
    }

    function again(): void {
      isLeft = true;
      end();
      const pause = setTimeout(() => (stop = begin()), backoff(tries++));
      stop = () => {
        clearTimeout(pause);
        sink.complete();
      };
    }
  }
}

function cursorOf(data: unknown): string | undefined {
  const event = (data as { deliveryStatus?: { cursor?: string } } | null | undefined)?.deliveryStatus;
  if (event && event.cursor === undefined) throw new Error("Select the cursor: without it nothing can be resumed.");
  return event?.cursor;
}

function isPassing(errors: unknown): boolean {
  if (!Array.isArray(errors)) return false;
  return errors.some((error: GraphQLFormattedError) => PASSING.has(error.extensions?.["code"]));
}
