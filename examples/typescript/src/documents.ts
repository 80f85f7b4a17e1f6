export const ORGANIZATIONS = `
  query Organizations($after: String) {
    organizations(first: 2, after: $after) {
      nodes {
        id
        name
        collectionCycles(first: 1) {
          nodes {
            id
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

export const DELIVERY_CURSOR = `
  query DeliveryCursor($id: ID!) {
    organization(id: $id) {
      deliveryCursor
    }
  }
`;

export const OPEN_CASES = `
  mutation OpenCases($input: OpenCollectionCasesInput!) {
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

export const WATCH = `
  subscription Watch($organizationId: ID!, $after: String) {
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
