import type { DeliveryEvent, Organization } from "./example.js";

// What the documents ask for. A real project has these types generated, as Relay's compiler does.

export interface OrganizationsAnswer {
  organizations: {
    nodes: Organization[];
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
  };
}

export interface DeliveryCursorAnswer {
  organization: { deliveryCursor: string } | null;
}

export interface OpenCasesAnswer {
  openCollectionCases: { userErrors: readonly UserError[] };
}

export interface WatchAnswer {
  deliveryStatus: DeliveryEvent;
}

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly path: readonly string[] | null | undefined;
}

/** Throw what was wrong with a mutation's input. */
export function accept(errors: readonly UserError[]): void {
  if (errors.length > 0) throw new Error(errors.map((error) => `${error.code} ${error.message}`).join(" "));
}
