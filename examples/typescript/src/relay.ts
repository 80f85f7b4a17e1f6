// Relay without React: its network layer, over a client of graphql-ws that resumes, and its store.
import {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getFragment,
  getRequest,
  getSingularSelector,
  graphql,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
  type GraphQLResponse,
  type OperationDescriptor,
} from "relay-runtime";
import { accept } from "./answers.js";
import { run, type Dunlin, type Settings } from "./example.js";
import { fetchWith } from "./http.js";
import { liveClient } from "./live.js";
import type { relayDeliveryCursorQuery } from "./__generated__/relayDeliveryCursorQuery.graphql.js";
import type { relayOpenCasesMutation } from "./__generated__/relayOpenCasesMutation.graphql.js";
import PAGE, { type relayOrganizationsPageQuery } from "./__generated__/relayOrganizationsPageQuery.graphql.js";
import type { relayOrganizationsQuery } from "./__generated__/relayOrganizationsQuery.graphql.js";
import type { relay_organizations$data } from "./__generated__/relay_organizations.graphql.js";
import type { relayWatchSubscription } from "./__generated__/relayWatchSubscription.graphql.js";

const ORGANIZATIONS = graphql`
  query relayOrganizationsQuery {
    ...relay_organizations
  }
`;

const FRAGMENT = graphql`
  fragment relay_organizations on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, after: { type: "String" })
  @refetchable(queryName: "relayOrganizationsPageQuery") {
    organizations(first: $count, after: $after) @connection(key: "relay_organizations") {
      edges {
        node {
          id
          name
          collectionCycles(first: 1) {
            nodes {
              id
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

const CURSOR = graphql`
  query relayDeliveryCursorQuery($id: ID!) {
    organization(id: $id) {
      deliveryCursor
    }
  }
`;

const OPEN = graphql`
  mutation relayOpenCasesMutation($input: OpenCollectionCasesInput!) {
    openCollectionCases(input: $input) {
      cases {
        id
        number
      }
      userErrors {
        code
        message
        path
      }
    }
  }
`;

const LIVE = graphql`
  subscription relayWatchSubscription($organizationId: ID!, $after: String) {
    deliveryStatus(organizationId: $organizationId, after: $after) {
      cursor
      status
      occurredAt
      reminder {
        id
        status
      }
    }
  }
`;

function environment({ http, webSocket, tokens }: Settings): Environment {
  const fetch = fetchWith(tokens);
  const client = liveClient(webSocket, tokens);
  const network = Network.create(
    async ({ name, text }, variables) => {
      const response = await fetch(http, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json" },
        body: JSON.stringify({ operationName: name, query: text, variables }),
      });
      return (await response.json()) as GraphQLResponse;
    },
    ({ name, text }, variables) =>
      Observable.create<any>((sink) => client.subscribe({ operationName: name, query: text!, variables }, sink)),
  );
  return new Environment({ network, store: new Store(new RecordSource()) });
}

function dunlin(settings: Settings): Dunlin {
  const relay = environment(settings);

  return {
    async *organizations() {
      const query = createOperationDescriptor(getRequest(ORGANIZATIONS), {});
      relay.retain(query);
      await fetchQuery<relayOrganizationsQuery>(relay, ORGANIZATIONS, {}).toPromise();
      for (let seen = 0; ; ) {
        const { edges, pageInfo } = organizationsIn(relay, query); // all pages that are there, as one list
        yield* edges.slice(seen).map(({ node }) => node);
        if (!pageInfo.hasNextPage) return;
        seen = edges.length;
        await fetchQuery<relayOrganizationsPageQuery>(relay, PAGE, { after: pageInfo.endCursor }).toPromise();
      }
    },

    async deliveryCursor(id) {
      const found = await fetchQuery<relayDeliveryCursorQuery>(relay, CURSOR, { id }).toPromise();
      return found!.organization!.deliveryCursor;
    },

    openCases(input) {
      return new Promise((resolve, reject) => {
        commitMutation<relayOpenCasesMutation>(relay, {
          mutation: OPEN,
          variables: { input },
          onCompleted: ({ openCollectionCases }) => {
            accept(openCollectionCases.userErrors);
            resolve();
          },
          onError: reject,
        });
      });
    },

    watch(variables, seen, failed) {
      const watching = requestSubscription<relayWatchSubscription>(relay, {
        subscription: LIVE,
        variables,
        onNext: (answer) => seen(answer!.deliveryStatus),
        onError: failed,
      });
      return () => watching.dispose();
    },
  };
}

function organizationsIn(relay: Environment, query: OperationDescriptor): relay_organizations$data["organizations"] {
  const { data } = relay.lookup(query.fragment);
  const selector = getSingularSelector(getFragment(FRAGMENT), data);
  return (relay.lookup(selector!).data as relay_organizations$data).organizations;
}

void run(dunlin);
