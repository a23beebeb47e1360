// Shows openapi.json. What it says becomes text, never HTML.
"use strict";

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(caption, titles, rows) {
  const made = element("table");
  made.append(element("caption", caption));
  const head = made.createTHead().insertRow();
  for (const title of titles) {
    const cell = element("th", title);
    cell.scope = "col";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) line.append(element("td", cell));
  }
  return made;
}

function brief(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(brief).join(" or ");
  if (schema.type === "array") return "list of " + brief(schema.items || {});
  if (schema.enum) return schema.enum.join(" | ");
  return [schema.format || schema.type || "any JSON", limits(schema)].filter(Boolean).join(", ");
}

function limits(schema) {
  const names = ["minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern", "default"];
  return names.filter((name) => schema[name] !== undefined && schema[name] !== null)
    .map((name) => `${name} ${schema[name]}`).join(", ");
}

function contents(content) {
  return Object.entries(content || {}).map(([type, body]) => `${type}: ${brief(body.schema || {})}`).join("; ");
}

function operation(method, path, described) {
  const shown = element("details");
  const summary = element("summary");
  summary.append(element("span", method.toUpperCase(), "method"), " ", element("span", path, "path"));
  shown.append(summary, element("p", described.summary));
  if (described.parameters) {
    shown.append(table("Parameters", ["name", "in", "what fits"],
      described.parameters.map((one) => [one.name, one.in, brief(one.schema)])));
  }
  if (described.requestBody) {
    shown.append(element("p", "Body: " + contents(described.requestBody.content)));
  }
  shown.append(table("Answers", ["status", "meaning", "body"],
    Object.entries(described.responses).map(([status, one]) => [status, one.description, contents(one.content)])));
  return shown;
}

function type(name, schema) {
  const shown = element("details");
  shown.append(element("summary", name, "path"));
  if (schema.description) shown.append(element("p", schema.description));
  shown.append(table("Fields", ["name", "what fits", "needed"],
    Object.entries(schema.properties || {}).map(([field, one]) =>
      [field, brief(one), (schema.required || []).includes(field) ? "yes" : ""])));
  return shown;
}

async function show() {
  const routes = document.getElementById("routes");
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json: the server answered ${answer.status}`);
  const described = await answer.json();
  document.getElementById("about").textContent = described.info.description;
  routes.replaceChildren(element("h2", "Routes"));
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, one] of Object.entries(methods)) routes.append(operation(method, path, one));
  }
  routes.append(element("h2", "Types"));
  for (const [name, schema] of Object.entries(described.components.schemas)) routes.append(type(name, schema));
  routes.setAttribute("aria-busy", "false");
}

show().catch((error) => { document.getElementById("state").textContent = String(error.message); });
