// Shows openapi.json: every operation with its parameters, bodies and answers, as plain elements.
// Nothing is put together as HTML: texts of the documents stay texts.

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element; attributes that are undefined are left out. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined));
  return made;
}

/** Words between backticks become code. */
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? element("code", {}, part) : part));
}

function table(heads, rows) {
  if (rows.length === 0) return undefined;
  const head = element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => element("tr", {}, cells.map((cell) => element("td", {}, cell))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, body));
}

const json = (value) => element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));

/** A page for one OpenAPI document. */
class Page {
  constructor(openapi) {
    this.openapi = openapi;
  }

  /** What a `$ref` stands for. */
  resolve(thing) {
    if (!thing?.$ref) return thing;
    return thing.$ref.slice(2).split("/").reduce((inner, name) => inner[name], this.openapi);
  }

  /** The type of a value in a few words, with links to schemas. */
  type(schema) {
    if (schema.$ref) {
      const name = schema.$ref.split("/").pop();
      return [element("a", { href: `#schema-${name}` }, name)];
    }
    if (schema.type === "array") return ["list of ", ...this.type(schema.items)];
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices && !schema.type) return choices.flatMap((one, place) => [place ? " or " : "", ...this.type(one)]);
    if (schema.enum) return [schema.enum.join(" | ")];
    return [schema.format ?? schema.type ?? "any"];
  }

  parameters(operation, item) {
    const all = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((one) => this.resolve(one));
    const rows = all.map((one) => [
      [element("code", {}, one.name), " ", element("span", { class: "where" }, one.required ? `${one.in}, required` : one.in)],
      this.type(one.schema),
      prose(one.description ?? ""),
    ]);
    return rows.length ? [element("h3", {}, "Parameters"), table(["Name", "Type", "Meaning"], rows)] : [];
  }

  requestBody(operation) {
    if (!operation.requestBody) return [];
    const [[format, { schema, example }]] = Object.entries(operation.requestBody.content);
    const line = element("p", {}, element("code", {}, format), " ", this.type(schema));
    return [element("h3", {}, "Body"), line, example === undefined ? undefined : json(example)];
  }

  responses(operation) {
    const rows = Object.entries(operation.responses).map(([status, answer]) => {
      const { description, content, headers } = this.resolve(answer);
      const schemas = Object.values(content ?? {}).flatMap(({ schema }) => this.type(schema));
      const names = Object.keys(headers ?? {}).map((name) => [" ", element("code", {}, name)]);
      return [status === "default" ? "other" : status, schemas, [...prose(description), names.flat()].flat()];
    });
    return [element("h3", {}, "Answers"), table(["Status", "Body", "Meaning and headers"], rows)];
  }

  scopes(operation) {
    const names = operation.security.flatMap((one) => Object.values(one).flat());
    if (names.length === 0) return element("p", {}, "Needs no token.");
    return element("p", {}, "Needs a token with ", names.map((name, place) => [place ? " or " : "", element("code", {}, name)]).flat(), ".");
  }

  /** A request for a shell, with what is required and nothing else. */
  curl(method, path, operation) {
    const lines = [`curl -sS -X ${method.toUpperCase()} "${location.origin}${path.replaceAll("{tenant}", "acme")}"`];
    if (operation.security.length) lines.push('-H "Authorization: Bearer $TOKEN"');
    for (const [format, { example }] of Object.entries(operation.requestBody?.content ?? {}).slice(0, 1)) {
      const isForm = format.includes("urlencoded");
      const data = isForm ? new URLSearchParams(example).toString() : JSON.stringify(example ?? {});
      if (!isForm) lines.push(`-H "Content-Type: ${format}"`);
      lines.push(`-d '${data}'`);
    }
    return [element("h3", {}, "Try it"), element("pre", { tabindex: "0" }, lines.join(" \\\n  "))];
  }

  operation(method, path, operation, item) {
    const id = operation.operationId;
    const summary = element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("span", { class: "path" }, path),
      element("span", { class: "words" }, operation.summary));
    const inside = element("div", {},
      element("p", {}, element("code", {}, id)),
      operation.description ? element("p", {}, prose(operation.description)) : undefined,
      this.scopes(operation),
      this.parameters(operation, item), this.requestBody(operation), this.responses(operation),
      this.curl(method, path, operation));
    return element("details", { id, "data-operation": id }, summary, inside);
  }

  operations() {
    const sections = new Map(this.openapi.tags.map((tag) => [tag.name, element("section", {},
      element("h2", {}, tag.name), element("p", {}, tag.description))]));
    for (const [path, item] of Object.entries(this.openapi.paths)) {
      for (const method of METHODS.filter((name) => item[name])) {
        sections.get(item[method].tags[0]).append(this.operation(method, path, item[method], item));
      }
    }
    return [...sections.values()];
  }

  schemas() {
    return Object.entries(this.openapi.components.schemas).map(([name, schema]) =>
      element("details", { id: `schema-${name}` }, element("summary", {}, element("code", {}, name)),
        element("div", {}, schema.description ? element("p", {}, prose(schema.description)) : undefined, json(schema))));
  }
}

/** Shows only the operations that hold every word. */
function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...document.querySelectorAll("[data-operation]")];
  for (const one of all) {
    const held = `${one.id} ${one.querySelector("summary").textContent}`.toLowerCase();
    one.hidden = !words.every((word) => held.includes(word));
  }
  for (const section of document.querySelectorAll("#operations section")) {
    section.hidden = !section.querySelector("[data-operation]:not([hidden])");
  }
  document.getElementById("found").textContent = `${all.filter((one) => !one.hidden).length} of ${all.length} operations`;
}

/** Opens what the address names. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

try {
  const openapi = await (await get("openapi.json")).json();
  const page = new Page(openapi);
  document.getElementById("about").replaceChildren(...prose(`${openapi.info.summary} ${openapi.info.description}`));
  document.getElementById("operations").append(...page.operations());
  document.getElementById("schemas").append(...page.schemas());
  const find = document.getElementById("find");
  find.addEventListener("input", () => filter(find.value));
  filter(find.value);
  addEventListener("hashchange", openTarget);
  openTarget();
  document.getElementById("asyncapi").textContent = await (await get("asyncapi.yaml")).text();
} catch (error) {
  document.getElementById("found").textContent = `The documents cannot be shown: ${error.message}`;
}
