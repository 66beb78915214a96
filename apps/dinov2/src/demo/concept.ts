// The concept of an emoji: the key that decides which side of the train/test split it falls on. Two emoji that differ only in
// skin tone, gender, age, hair, direction, colour or phase show the same thing and share a key, so that a neighbour found
// across the split is a different thing of the same category and not a repainted copy.

/** Words that name a variant and not the thing. */
const genders = "man men woman women person people male female";
const colours = "red orange yellow green blue purple brown black white grey pink hollow";
const directions = "left right up down leftwards rightwards upwards downwards horizontal vertical clockwise counterclockwise "
  + "left-facing right-facing front-facing oncoming up-left up-right up-down down-left down-right left-right tilted facing";
const sizes = "large medium small medium-small";
const joiners = "and the";

const variantWords = new Set([genders, colours, directions, sizes, joiners].join(" ").split(" "));

/** A person described by age or hair alone is a variant of "person". */
const personWords = new Set([
  ..."old older baby boy girl child".split(" "),
  ..."hair curly bald blond beard".split(" "),
]);

/** Concepts whose variants share no regular wording; tested in this order on the lower-case name. */
const families: readonly (readonly [RegExp, string])[] = [
  [/^family\b/, "family"],
  [/^couple with heart\b/, "couple with heart"],
  [/^kiss( |$)(?!mark)/, "kiss"],
  [/^(prince|princess|person with crown)$/, "royalty"],
  [/ claus$/, "claus"],
  [/^(merman|mermaid|merperson)$/, "merperson"],
  [/^(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?: o[’']clock|-thirty)$/, "clock face"],
  [/\bmoon( face)?$/, "moon"],
  [/^globe showing /, "globe"],
  [/place medal$/, "place medal"],
  [/\(blood type\)$/, "blood type button"],
  [/^speaker .* volume$|^muted speaker$/, "speaker"],
  [/\bmailbox with (raised|lowered) flag$/, "mailbox"],
  [/^keycap /, "keycap"],
];

const isVariantWord = (word: string): boolean => variantWords.has(word);

/**
 * Concept key of an emoji from its Unicode name and its group. Skin tone needs no rule here: a tone is a code point of its own,
 * which is dropped before the name is looked up.
 */
export function conceptOf(name: string, group: string): string {
  const plain = name.toLowerCase();
  const family = families.find(([pattern]) => pattern.test(plain));
  if (family) return family[1];
  const words = plain.replace("light blue", "blue").replace(/[,:“”]/g, "").split(/\s+/);
  const kept = words.filter((word) => !isVariantWord(word));
  if (group === "People & Body" && kept.every((word) => personWords.has(word))) return "person";
  // "dog face" and "dog" show one animal; among smileys the face is the thing itself.
  if (group === "Animals & Nature" && kept.length > 1 && kept.at(-1) === "face") kept.pop();
  return (kept.length > 0 ? kept : words).join(" ");
}
