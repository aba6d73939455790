const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text made safe inside SVG, XML or HTML, attributes included. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => entities[letter]!);
}
