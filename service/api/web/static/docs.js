// Shows every route with Swagger UI. The examples of the OpenAPI document are replaced by requests to served models.
"use strict";
(() => {
  const root = document.documentElement.dataset.root;
  const place = document.getElementById("docs");

  /** Give every operation on a model the name of a served one, and those with an example its body. */
  function fillExamples(api, examples) {
    const [first] = examples;
    for (const [route, operations] of Object.entries(api.paths)) {
      const example = examples.find((each) => each.route === route);
      for (const operation of Object.values(operations)) {
        for (const parameter of operation.parameters ?? []) {
          if (parameter.in === "path" && parameter.name === "name" && first) {
            parameter.example = (example ?? closest(route, examples) ?? first).model;
          }
        }
        const content = operation.requestBody?.content?.["application/json"];
        if (example && content) {
          delete content.examples;
          content.example = example.body;
        }
      }
    }
    return api;
  }

  /** An example of the same kind: of a model that reranks, for reranking and labels of one's own; else of the dialect. */
  function closest(route, examples) {
    const wanted = /rerank|zero-shot/.test(route) ? /rerank/ : new RegExp(`^/${route.split("/")[1]}/`);
    return examples.find((each) => wanted.test(each.route));
  }

  /** The routes alone, with the filter and the button for a key: our page has the title and the address. */
  function ownLayout({ React: { createElement } }) {
    const ApiLayout = ({ getComponent, specSelectors }) => {
      const part = (name, isContainer = true) => createElement(getComponent(name, isContainer));
      const bar = [part("FilterContainer")];
      if (specSelectors.securityDefinitions()) bar.push(part("AuthorizeBtnContainer"));
      return createElement(
        "div",
        { className: "swagger-ui" },
        part("SvgAssets", false),
        createElement("div", { className: "api-bar" }, ...bar),
        part("errors"),
        createElement("div", { className: "api-routes" }, part("operations")),
      );
    };
    return { components: { ApiLayout } };
  }

  /** What Swagger UI leaves out for the keyboard and for screen readers: selector, attribute, value. */
  const REPAIRS = [
    [".body-param__text", "aria-label", "Request body"],
    [".body-param__example", "aria-label", "Example of the request body"],
    [".operation-filter-input", "aria-label", "Filter the routes by tag"],
    ["select.content-type", "aria-label", "Media type"],
    ["select.examples-select-element", "aria-label", "Example"],
    [".parameters-col_description select, .parameters-col_description input", "aria-label", "Value of the parameter"],
    [".auth-container input", "aria-label", "API key"],
    ["pre.microlight, .highlight-code pre, pre.curl", "tabindex", "0"],
    [".opblock-summary-control a", "href", null],
    [".responses-table", "role", null],
    [".close-modal", "aria-label", "Close"],
    [".auth-container h6", "aria-level", "5"],
  ];
  function repair() {
    for (const [selector, name, value] of REPAIRS) {
      for (const element of place.querySelectorAll(selector)) {
        if (value === null) element.removeAttribute(name);
        else if (!element.hasAttribute(name)) element.setAttribute(name, value);
      }
    }
  }

  async function start() {
    const examples = JSON.parse(document.getElementById("examples").textContent);
    const spec = fillExamples(await Studio.fetchJson(`${root}/openapi.json`), examples);
    spec.servers = [{ url: root || "/" }];
    place.replaceChildren();
    new MutationObserver(repair).observe(place, { childList: true, subtree: true });
    SwaggerUI({
      spec,
      domNode: place,
      layout: "ApiLayout",
      plugins: [ownLayout],
      deepLinking: true,
      docExpansion: "list",
      filter: true,
      validatorUrl: null,
      persistAuthorization: false,
      syntaxHighlight: { activated: false },
    });
  }

  start().catch((error) => place.replaceChildren(Studio.problem(error)));
})();
