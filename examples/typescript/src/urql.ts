// urql: stock exchanges, over a client of graphql-ws that resumes.
import { cacheExchange, Client, fetchExchange, subscriptionExchange, type TypedDocumentNode, gql } from "@urql/core";
import {
  accept,
  type DeliveryCursorAnswer,
  type OpenCasesAnswer,
  type OrganizationsAnswer,
  type WatchAnswer,
} from "./answers.js";
import { DELIVERY_CURSOR, OPEN_CASES, ORGANIZATIONS, WATCH } from "./documents.js";
import { run, type Dunlin, type OpenCases, type Settings, type Watched } from "./example.js";
import { fetchWith } from "./http.js";
import { liveClient } from "./live.js";

const organizations: TypedDocumentNode<OrganizationsAnswer, { after: string | null }> = gql(ORGANIZATIONS);
const cursor: TypedDocumentNode<DeliveryCursorAnswer, { id: string }> = gql(DELIVERY_CURSOR);
const open: TypedDocumentNode<OpenCasesAnswer, { input: OpenCases }> = gql(OPEN_CASES);
const live: TypedDocumentNode<WatchAnswer, Watched> = gql(WATCH);

function dunlin({ http, webSocket, tokens }: Settings): Dunlin {
  const socket = liveClient(webSocket, tokens);
  const client = new Client({
    url: http,
    fetch: fetchWith(tokens),
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query!, variables }, sink) }),
        }),
      }),
    ],
  });

  return {
    async *organizations() {
      let after: string | null = null;
      do {
        const found: OrganizationsAnswer = answered(await client.query(organizations, { after }));
        yield* found.organizations.nodes;
        after = found.organizations.pageInfo.hasNextPage ? found.organizations.pageInfo.endCursor : null;
      } while (after);
    },

    async deliveryCursor(id) {
      // Never from the cache: events that came since it was stored would be missed.
      const found = await client.query(cursor, { id }, { requestPolicy: "network-only" });
      return answered(found).organization!.deliveryCursor;
    },

    async openCases(input) {
      accept(answered(await client.mutation(open, { input })).openCollectionCases.userErrors);
    },

    watch(variables, seen, failed) {
      const watching = client.subscription(live, variables).subscribe(({ data, error }) => {
        if (error) failed(error);
        else if (data) seen(data.deliveryStatus);
      });
      return () => watching.unsubscribe();
    },
  };
}

function answered<Data>({ data, error }: { data?: Data; error?: Error }): Data {
  if (error || !data) throw error ?? new Error("There is no data.");
  return data;
}

void run(dunlin);
