import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError, RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing.ts";
import { readPart } from "../file-part.ts";
import { TarFile, type TarMember } from "./tar-members.ts";
import { makeTar, paxRecord, sign, type TarEntry } from "./testing.ts";

async function membersOf(bytes: Uint8Array): Promise<TarMember[]> {
  const file = join(await temporaryFolder({ "a.tar": bytes }), "a.tar");
  return TarFile.with(file, async (tar) => {
    const members: TarMember[] = [];
    for await (const member of tar.members()) members.push(member);
    return members;
  });
}

async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await membersOf(bytes).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe("the members of an archive", () => {
  it("are its plain files, with where their contents lie", async () => {
    const members = await membersOf(
      makeTar([{ name: "d/", type: "5" }, { name: "d/a.jpg", content: "A".repeat(513) }, { name: "b.cls", content: "7" }]),
    );
    expect(members.map(({ name, offset, size }) => [name, offset, size])).toEqual([["d/a.jpg", 1024, 513], ["b.cls", 2560, 1]]);
    expect((await readPart(members[1]!)).toString()).toBe("7");
  });

  it("have the names that ustar prefixes, pax records and GNU long names give", async () => {
    const long = `${"写真/".repeat(60)}x.jpg`;
    const entries: TarEntry[] = [
      { name: "a.jpg", prefix: "deep/er" },
      { name: "pax", type: "x", content: paxRecord("mtime", "1.5") + paxRecord("path", long) },
      { name: "short" },
      { name: "././@LongLink", type: "L", content: `${long}\0` },
      { name: "short" },
      { name: "pax", type: "g", content: paxRecord("comment", "x") },
      { name: "last" },
    ];
    expect((await membersOf(makeTar(entries))).map(({ name }) => name)).toEqual(["deep/er/a.jpg", long, long, "last"]);
  });

  it("have the sizes that pax and GNU write when octal digits do not suffice", async () => {
    const size = Uint8Array.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
    const entries: TarEntry[] = [
      { name: "gnu", content: "abc", size },
      { name: "pax", type: "x", content: paxRecord("size", "4") },
      { name: "pax-file", content: "abcd", size: 0 },
    ];
    expect((await membersOf(makeTar(entries))).map((each) => each.size)).toEqual([3, 4]);
  });

  it("are found in what tar(1) writes, in each of its formats", async () => {
    const deep = `${"folder/".repeat(20)}picture.jpg`;
    const folder = await temporaryFolder({ "in/1.jpg": "one", [`in/${deep}`]: "two" });
    for (const format of ["ustar", "pax", "gnu"]) {
      execFileSync("tar", ["-cf", join(folder, "a.tar"), `--format=${format}`, "-C", join(folder, "in"), "1.jpg", deep]);
      await TarFile.with(join(folder, "a.tar"), async (tar) => {
        const contents: Record<string, string> = {};
        for await (const member of tar.members()) contents[member.name] = (await readPart(member)).toString();
        expect(contents).toEqual({ "1.jpg": "one", [deep]: "two" });
      });
    }
  });

  it("are not taken to the terminal with control characters", async () => {
    expect((await membersOf(makeTar([{ name: "a\u001b[2J.jpg" }])))[0]!.name).toBe("a?[2J.jpg");
  });
});

describe("an archive that cannot be trusted is refused with its offset", () => {
  const whole = makeTar([{ name: "a.jpg", content: "x".repeat(600) }, { name: "b.jpg", content: "y" }]);

  it("when it is cut short in a member or in a header", async () => {
    expect(await refusal(whole.subarray(0, 1000))).toMatch(/a\.tar, byte 0: is cut short: "a.jpg" needs 112 more bytes/);
    expect(await refusal(whole.subarray(0, 1600))).toMatch(/byte 1536: is cut short/);
  });

  it("when a header is damaged, or is none", async () => {
    const damaged = Buffer.from(whole);
    damaged[1536 + 3]! ^= 1;
    expect(await refusal(damaged)).toMatch(/byte 1536: is not a tar header \(its checksum is wrong\)/);
    expect(await refusal(Buffer.alloc(1024, "<html>"))).toContain("byte 0: is not a tar header");
  });

  it("when content follows its end mark", async () => {
    const hole = Buffer.concat([makeTar([{ name: "a.jpg" }]), Buffer.alloc(2 << 20)]);
    expect(await refusal(hole)).toMatch(/byte 512: has its end mark here, but \d+ more bytes follow/);
  });

  it("for links, sparse files, devices, and sizes beyond all bounds", async () => {
    for (const type of ["1", "2"]) expect(await refusal(makeTar([{ name: "l", type }]))).toContain('holds a link, "l"');
    expect(await refusal(makeTar([{ name: "s", type: "S" }]))).toContain("sparse");
    expect(await refusal(makeTar([{ name: "p", type: "x", content: paxRecord("GNU.sparse.major", "1") }, { name: "s" }]))).toContain("sparse");
    expect(await refusal(makeTar([{ name: "dev", type: "3" }]))).toContain('entry of type "3"');
    expect(await refusal(makeTar([{ name: "n", size: new Uint8Array(12).fill(0xff) }]))).toContain("beyond all bounds");
    expect(await refusal(makeTar([{ name: "n", size: Buffer.from("-0000000001\0") }]))).toContain("no octal number");
    expect(await refusal(makeTar([{ name: "p", type: "x", content: "99 path=a\n" }, { name: "s" }]))).toContain("wrong length");
    const huge = makeTar([{ name: "p", type: "L", content: Buffer.alloc(2 << 20) }, { name: "s" }]);
    expect(await refusal(huge)).toContain("where at most");
  });

  it("whatever bits are flipped: it ends, with members within the file or with an InputError", async () => {
    const random = RandomStream.fromSeed(1);
    const folder = await temporaryFolder({});
    for (let i = 0; i < 400; i++) {
      const bytes = Buffer.from(whole);
      for (let flips = 1 + random.integer(3); flips > 0; flips--) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      // With the checksum mended, so that the fields behind it are reached.
      if (i % 2 === 0) sign(bytes.subarray(0, 512));
      await writeFile(join(folder, "a.tar"), bytes);
      await TarFile.with(join(folder, "a.tar"), async (tar) => {
        for await (const { offset, size } of tar.members()) expect(offset + size).toBeLessThanOrEqual(bytes.length);
      }).catch((error: unknown) => expect(error).toBeInstanceOf(InputError));
    }
  });
});
