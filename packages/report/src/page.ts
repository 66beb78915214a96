import { Html, html, type Content } from "./html.ts";
import { style } from "./style.ts";

// Nothing is loaded and nothing runs: pictures are inside the page, and it has no script.
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/** A whole page that stands by itself: one file, readable without a network. */
export function page(title: string, content: Content): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<main id="content">
<h1>${title}</h1>
${content}
</main>
</body>
</html>
`.text;
}
