// Relay's documents are tagged templates, and a build step puts what relay-compiler made of them in their place. A
// project with a bundler has the same plugin there; here it is this one file.
import { writeFileSync } from "node:fs";
import { transformFileSync } from "@babel/core";

const { code } = transformFileSync("src/relay.ts", {
  configFile: false,
  plugins: [
    ["relay", { artifactDirectory: "src/__generated__" }],
    "@babel/plugin-transform-typescript",
    "@babel/plugin-transform-modules-commonjs",
  ],
});
writeFileSync("build/relay.js", code);
