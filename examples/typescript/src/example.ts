import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { TokenFile } from "./token.js";

/** What each example does in its own way. */
export interface Dunlin {
  organizations(): AsyncIterable<Organization>;
  deliveryCursor(organizationId: string): Promise<string>;
  openCases(input: OpenCases): Promise<void>;
  /** Call `seen` for every event behind `after`, until the returned function is called. */
  watch(watched: Watched, seen: (event: DeliveryEvent) => void, failed: (problem: unknown) => void): () => void;
}

export interface Organization {
  readonly id: string;
  readonly name: string;
  readonly collectionCycles: { readonly nodes: ReadonlyArray<{ readonly id: string }> };
}

/** As a type, not an interface, it fits where any record of variables does. */
export type Watched = { organizationId: string; after: string };

export interface DeliveryEvent {
  readonly cursor: string;
  readonly status: string;
}

export interface OpenCases {
  organizationId: string;
  cycleId: string;
  cases: Array<{
    externalReference: string;
    customer: { externalReference: string; name: string; phone: string; language: string };
    amountDue: { amount: string; currency: string };
    dueOn: string;
  }>;
}

export interface Settings {
  readonly http: string;
  readonly webSocket: string;
  readonly tokens: TokenFile;
}

const ENDS = new Set(["DELIVERED", "UNDELIVERED", "FAILED", "CANCELED"]);

/** Open cases, follow their reminders, print a line for each event, and stop when so many have ended. */
export async function run(make: (settings: Settings) => Dunlin): Promise<void> {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://127.0.0.1:8000/graphql" },
      token: { type: "string", default: "../../var/dev-token" },
      organization: { type: "string" },
      open: { type: "string", default: "3" },
      until: { type: "string", default: "3" },
    },
  });
  const dunlin = make({
    http: values.url,
    webSocket: values.url.replace(/^http/, "ws"),
    tokens: new TokenFile(values.token),
  });
  const organization = await named(values.organization, dunlin.organizations());
  const after = await dunlin.deliveryCursor(organization.id); // before anything that has to be seen
  await dunlin.openCases(someCases(organization, Number(values.open)));
  await ended(dunlin, { organizationId: organization.id, after }, Number(values.until));
}

async function named(name: string | undefined, organizations: AsyncIterable<Organization>): Promise<Organization> {
  for await (const organization of organizations) {
    if (name === undefined || organization.name === name) return organization;
  }
  throw new Error(`There is no organization ${name ?? ""}.`);
}

function ended(dunlin: Dunlin, watched: Watched, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = count;
    const stop = dunlin.watch(
      watched,
      (event) => {
        console.log(event.cursor, event.status);
        if (!ENDS.has(event.status) || --missing > 0) return;
        stop();
        resolve();
      },
      reject,
    );
  });
}

function someCases(organization: Organization, count: number): OpenCases {
  const cycle = organization.collectionCycles.nodes[0];
  if (cycle === undefined) throw new Error(`${organization.name} has no collection cycle.`);
  const batch = randomUUID().slice(0, 8);
  const cases = Array.from({ length: count }, (_, place) => ({
    externalReference: `${batch}-${place}`,
    customer: { externalReference: `${batch}-${place}`, name: "Ada Reyes", phone: "+447700900123", language: "en" },
    amountDue: { amount: "84.50", currency: "EUR" },
    dueOn: "2026-01-15",
  }));
  return { organizationId: organization.id, cycleId: cycle.id, cases };
}
