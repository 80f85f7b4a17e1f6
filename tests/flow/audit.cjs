// Prints what graphql-http's audits of a server find, as JSON. Arguments: the address, a token.
const { createRequire } = require("node:module");
const { resolve } = require("node:path");

const installed = createRequire(resolve(__dirname, "../../examples/typescript/package.json"));
const { auditServer } = installed("graphql-http");

const [url, token] = process.argv.slice(2);

function fetchFn(input, init) {
  return fetch(input, { ...init, headers: { ...init?.headers, Authorization: `Bearer ${token}` } });
}

auditServer({ url, fetchFn }).then((found) => {
  const results = found.map(({ id, name, status, reason }) => ({ id, name, status, reason }));
  console.log(JSON.stringify(results));
});
