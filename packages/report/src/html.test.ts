import { describe, expect, it } from "vitest";
import { html } from "./html.ts";

describe("an html template", () => {
  it("escapes what it inserts, in text and in attributes", () => {
    const name = `<img src=x onerror="alert('1')"> & co`;
    expect(html`<p title="${name}">${name}</p>`.text).toBe(
      `<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; co">` +
        `&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt; &amp; co</p>`,
    );
  });

  it("takes finished pieces as they are, joins lists, and makes nothing of null", () => {
    expect(html`<ul>${["a", "<b>"].map((item) => html`<li>${item}</li>`)}${null}${3}</ul>`.text).toBe(
      "<ul><li>a</li><li>&lt;b&gt;</li>3</ul>",
    );
  });
});
