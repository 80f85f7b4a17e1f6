// graphql-ws by itself.
import type { WatchAnswer } from "./answers.js";
import { WATCH } from "./documents.js";
import { run, type Dunlin, type Settings } from "./example.js";
import { liveClient } from "./live.js";
import { queries } from "./queries.js";

function dunlin(settings: Settings): Dunlin {
  const client = liveClient(settings.webSocket, settings.tokens);

  return {
    ...queries(settings),

    watch(variables, seen, failed) {
      return client.subscribe<WatchAnswer>(
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
