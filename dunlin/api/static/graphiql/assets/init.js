"use strict";

const SETTINGS = "/graphiql/settings.json";
const SESSIONS = "dunlin-graphiql-";
const SHOWN_EVENTS = 50;

/**
 * Return the visitor's own copy of these tabs, kept under a prefix that changes with them:
 * GraphiQL prefers any stored session to `defaultTabs`, and an older one names cases that are gone.
 */
function openSession(settings, headers) {
  const namespace = SESSIONS + settings.session;
  forgetSessionsExcept(namespace);
  const storage = withoutStoredHeaders(GraphiQL.createLocalStorage({ namespace }), headers);
  const first = settings.tabs[0];
  if (first && storage.getItem("graphiql:tabState") === null) {
    // GraphiQL ignores the variables of the first default tab, and duplicates the tab at the next load.
    storage.setItem("graphiql:query", editorText(first));
    storage.setItem("graphiql:variables", first.variables);
  }
  return storage;
}

function forgetSessionsExcept(namespace) {
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(SESSIONS) && !key.startsWith(`${namespace}:`)) localStorage.removeItem(key);
  }
}

/**
 * Keep request headers out of the stored history; entries come back with today's headers.
 * `shouldPersistHeaders` covers the tabs only: the history would write the token to the disk.
 */
function withoutStoredHeaders(storage, headers) {
  const isHistory = (key) => key === "graphiql:queries" || key === "graphiql:favorites";
  const replaceHeaders = (json, value) =>
    JSON.stringify(JSON.parse(json, (key, old) => (key === "headers" ? value : old)));
  return Object.assign(Object.create(storage), {
    setItem: (key, value) => storage.setItem(key, isHistory(key) ? replaceHeaders(value, null) : value),
    getItem: (key) => {
      const value = storage.getItem(key);
      return value !== null && isHistory(key) ? replaceHeaders(value, headers) : value;
    },
  });
}

/** GraphiQL shows the last result only; of a subscription show what came before it too, newest first. */
function listingEvents(fetcher) {
  return async (parameters, options) => {
    const result = await fetcher(parameters, options);
    return isSubscription(parameters, options) ? newestFirst(result[Symbol.asyncIterator]()) : result;
  };
}

function isSubscription({ operationName }, options) {
  return (options?.documentAST?.definitions ?? []).some(
    (definition) =>
      definition.operation === "subscription" && (!operationName || definition.name?.value === operationName),
  );
}

function newestFirst(source) {
  const events = [];
  // Not a generator: its return() would wait for the next event, and stopping must end the subscription at once.
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const step = await source.next();
      if (step.done) return step;
      events.unshift(step.value);
      return { done: false, value: { newestFirst: events.slice(0, SHOWN_EVENTS) } };
    },
    return: (value) => source.return(value),
  };
}

function editorText(tab) {
  return `# ${tab.title}\n${tab.query}`;
}

function webSocketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

async function openPage(container) {
  const response = await fetch(SETTINGS);
  if (!response.ok) throw new Error(`${SETTINGS} answered ${response.status}`);
  const settings = await response.json();
  const headers = settings.token && JSON.stringify({ Authorization: `Bearer ${settings.token}` }, null, 2);
  const tabs = settings.tabs.map((tab) => ({ query: editorText(tab), variables: tab.variables, headers }));

  ReactDOM.createRoot(container).render(
    React.createElement(GraphiQL, {
      // The headers editor reaches subscriptions as the payload of connection_init.
      fetcher: listingEvents(
        GraphiQL.createFetcher({
          url: settings.endpoint,
          subscriptionUrl: webSocketUrl(settings.endpoint),
        }),
      ),
      storage: openSession(settings, headers),
      plugins: [GraphiQLPluginExplorer.explorerPlugin()],
      defaultTabs: tabs.length ? tabs : undefined,
      defaultHeaders: headers ?? undefined,
      defaultEditorToolsVisibility: true,
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false,
      inputValueDeprecation: true,
    }),
  );
}

const container = document.getElementById("graphiql");
openPage(container).catch((error) => {
  const notice = document.createElement("p");
  notice.textContent = `GraphiQL did not start: ${error.message}`;
  container.replaceChildren(notice);
});
