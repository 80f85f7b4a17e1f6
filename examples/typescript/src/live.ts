// What is live, over a WebSocket.
import { CloseCode, createClient, type Client } from "graphql-ws";
import WebSocket from "ws";
import { resume } from "./resume.js";
import { NoToken, type TokenFile } from "./token.js";
import { wait } from "./wait.js";

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
