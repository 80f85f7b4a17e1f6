// Apollo Client 4: stock links, over a client of graphql-ws that resumes.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache, type TypedDocumentNode } from "@apollo/client/core";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
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

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function dunlin({ http, webSocket, tokens }: Settings): Dunlin {
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(liveClient(webSocket, tokens)),
      new PersistedQueryLink({ sha256 }).concat(new HttpLink({ uri: http, fetch: fetchWith(tokens) })),
    ),
  });

  return {
    async *organizations() {
      let after: string | null = null;
      do {
        const found = await client.query({ query: organizations, variables: { after } });
        const page: OrganizationsAnswer["organizations"] = found.data!.organizations;
        yield* page.nodes;
        after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
      } while (after);
    },

    async deliveryCursor(id) {
      // Never from the cache: events that came since it was stored would be missed.
      const { data } = await client.query({ query: cursor, variables: { id }, fetchPolicy: "network-only" });
      return data!.organization!.deliveryCursor;
    },

    async openCases(input) {
      const { data } = await client.mutate({ mutation: open, variables: { input } });
      accept(data!.openCollectionCases.userErrors);
    },

    watch(variables, seen, failed) {
      const watching = client.subscribe({ query: live, variables }).subscribe(({ data, error }) => {
        if (data) seen(data.deliveryStatus);
        else failed(error);
      });
      return () => watching.unsubscribe();
    },
  };
}

void run(dunlin);
