// Queries and mutations with nothing but fetch.
import type { FormattedExecutionResult } from "graphql";
import { accept, type DeliveryCursorAnswer, type OpenCasesAnswer, type OrganizationsAnswer } from "./answers.js";
import { DELIVERY_CURSOR, OPEN_CASES, ORGANIZATIONS } from "./documents.js";
import type { Dunlin, Settings } from "./example.js";
import { fetchWith } from "./http.js";

export function queries({ http, tokens }: Settings): Omit<Dunlin, "watch"> {
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
  };
}
