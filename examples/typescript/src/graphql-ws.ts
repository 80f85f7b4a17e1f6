// graphql-ws for what is live, and plain fetch for the rest.
import type { FormattedExecutionResult } from "graphql-ws";
import {
  accept,
  type DeliveryCursorAnswer,
  type OpenCasesAnswer,
  type OrganizationsAnswer,
  type WatchAnswer,
} from "./answers.js";
import { DELIVERY_CURSOR, OPEN_CASES, ORGANIZATIONS, WATCH } from "./documents.js";
import { run, type Dunlin, type Settings } from "./example.js";
import { fetchWith } from "./http.js";
import { liveClient } from "./live.js";

function dunlin({ http, webSocket, tokens }: Settings): Dunlin {
  const client = liveClient(webSocket, tokens);
  const fetch = fetchWith(tokens);

  async function ask<Data>(query: string, variables: Record<string, unknown>): Promise<Data> {
    const response = await fetch(http, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as FormattedExecutionResult<Data>;
    if (errors || !data) throw new Error(JSON.stringify(errors));
    return data;
  }

  return {
    async *organizations() {
      let after: string | null = null;
      do {
        const { organizations }: OrganizationsAnswer = await ask(ORGANIZATIONS, { after });
        yield* organizations.nodes;
        after = organizations.pageInfo.hasNextPage ? organizations.pageInfo.endCursor : null;
      } while (after);
    },

    async deliveryCursor(id) {
      const { organization }: DeliveryCursorAnswer = await ask(DELIVERY_CURSOR, { id });
      return organization!.deliveryCursor;
    },

    async openCases(input) {
      const { openCollectionCases }: OpenCasesAnswer = await ask(OPEN_CASES, { input });
      accept(openCollectionCases.userErrors);
    },

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
