// The recipe.
import type { GraphQLFormattedError } from "graphql";
import type { Client, FormattedExecutionResult, Sink, SubscribePayload } from "graphql-ws";
import { backoff } from "./wait.js";

const PASSING = new Set<unknown>(["RATE_LIMITED", "TIMEOUT", "UNAVAILABLE"]);

/**
 * Subscribe to deliveryStatus and lose nothing. Whenever the client, of graphql-ws or graphql-sse, subscribes anew, it
 * sends the variables as they are then, and these hold the cursor of the last event. The document selects `cursor` and
 * has a variable `after`.
 */
export function resume<Data, Extensions>(
  client: Pick<Client, "subscribe">,
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
          if (isPassing(result.errors)) return again(result.errors);
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
          if (isPassing(problem)) again(problem);
          else sink.error(problem);
        },
        complete() {
          if (!isLeft) again([]);
        },
      },
    );
    return leave;

    function leave(): void {
      isLeft = true;
      end();
      sink.complete();
    }

    function again(why: readonly GraphQLFormattedError[]): void {
      isLeft = true;
      end();
      const pause = setTimeout(() => (stop = begin()), retryAfter(why) + backoff(tries++));
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

function isPassing(errors: unknown): errors is readonly GraphQLFormattedError[] {
  if (!Array.isArray(errors)) return false;
  return errors.some((error: GraphQLFormattedError) => PASSING.has(error.extensions?.["code"]));
}

/** Return the milliseconds that the API asks to wait at least. */
function retryAfter(errors: readonly GraphQLFormattedError[]): number {
  return Math.max(0, ...errors.map((error) => Number(error.extensions?.["retryAfter"] ?? 0) * 1_000));
}
