import { describe, expect, it } from "vitest";
import { conceptOf } from "./concept.ts";
import { listEmoji, type Emoji } from "./emoji.ts";

const emoji: Emoji[] = await listEmoji();
const named = (name: string) => {
  const found = emoji.filter((one) => one.name === name);
  if (found.length === 0) throw new Error(`no emoji is named ${name}`);
  return found;
};
const conceptsOf = (...names: string[]) => new Set(names.flatMap((name) => named(name).map(({ concept }) => concept)));

describe("the concept of an emoji", () => {
  it("is shared by the six skin tones of a picture", () => {
    expect(named("waving hand")).toHaveLength(6);
    expect(conceptsOf("waving hand").size).toBe(1);
  });

  it.each([
    ["genders of a profession", ["man farmer", "woman farmer", "farmer"]],
    ["genders of an activity", ["man surfing", "woman surfing", "person surfing"]],
    ["genders with names of their own", ["mermaid", "merman", "merperson"]],
    ["titles", ["prince", "princess", "person with crown"]],
    ["ages and hair of a person", ["man", "boy", "old woman", "child", "man red hair", "woman blond hair", "person bald"]],
    ["members of a family", ["family", "family man, woman, boy", "family woman, girl"]],
    ["couples", ["kiss", "kiss man, man", "kiss woman, woman"]],
    ["directions", ["backhand index pointing up", "backhand index pointing left"]],
    ["arrows", ["up arrow", "down-left arrow", "left-right arrow"]],
    ["colours", ["red heart", "green heart", "white heart"]],
    ["an animal and its face", ["dog", "dog face"]],
    ["hours on a clock", ["three o’clock", "nine-thirty"]],
    ["phases of the moon", ["new moon", "full moon face", "waxing crescent moon"]],
  ])("is shared by %s", (_, names) => {
    expect(conceptsOf(...names).size).toBe(1);
  });

  it.each([
    ["two professions", ["man farmer", "man cook"]],
    ["two animals", ["dog", "cat"]],
    ["two smileys that are both faces", ["grinning face", "crying face"]],
    ["a kiss between people and the mark of one", ["kiss", "kiss mark"]],
    ["two flags", ["flag France", "flag Japan"]],
    ["a heart and a broken heart", ["red heart", "broken heart"]],
  ])("is not shared by %s", (_, names) => {
    expect(conceptsOf(...names).size).toBe(names.length);
  });

  it("is never empty, also for a name made of variant words", () => {
    expect(conceptOf("woman", "People & Body")).toBe("person");
    expect(conceptOf("Left Right", "Symbols")).toBe("left right");
    expect(emoji.filter(({ concept }) => concept === "")).toEqual([]);
  });
});

describe("the list of emoji", () => {
  it("has nine categories, and most of its pictures are skin tones of people", () => {
    expect(new Set(emoji.map(({ category }) => category)).size).toBe(9);
    const people = emoji.filter(({ category, skinTone }) => category === "People & Body" && skinTone);
    expect(emoji.filter(({ skinTone }) => skinTone)).toHaveLength(people.length);
    expect(emoji.length - people.length).toBeLessThan(1900);
  });

  it("finds names written with other presentation selectors or without the end of a tag sequence", () => {
    expect(named("copyright")[0]!.id).toBe("00a9-fe0f");
    expect(named("flag Scotland")[0]!.id).toBe("1f3f4-e0067_e0062_e0073_e0063_e0074");
  });
});
