import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { drawMaterial } from "./materials.ts";
import { render } from "./render.ts";
import { drawScene, type Scene } from "./scene.ts";

const material = { ...drawMaterial(RandomStream.fromSeed(0)), pattern: "plain" as const };
const room = { kind: "box" as const, centre: [0, 1.5, 0] as const, half: [3, 1.5, 4] as const, turn: 0, material };
const camera = { place: [0, 1.5, -3] as const, yaw: 0, pitch: 0, halfWidth: 0.4 };
const scene = (solids: Scene["solids"]): Scene => ({ solids, light: [0, 2.9, 0], camera });

describe("render", () => {
  it("gives depths along the camera's axis: a wall ahead is equally far everywhere", () => {
    const { millimetres } = render(scene([room]), 9, 3);
    expect(new Set(millimetres)).toEqual(new Set([7000]));
  });

  it("sees a ball's nearest point, a turned box's edge and what is behind them", () => {
    const ball = { kind: "ball" as const, centre: [0, 1.5, 1] as const, radius: 0.5, material };
    const { millimetres } = render(scene([room, ball]), 9, 3);
    expect(millimetres[9 + 4]).toBe(3500);
    expect(millimetres[0]).toBe(7000);
    const box = { kind: "box" as const, centre: [0, 1.5, 1] as const, half: [0.5, 0.5, 0.5] as const, turn: Math.PI / 4, material };
    expect(render(scene([room, box]), 9, 3).millimetres[9 + 4]).toBe(Math.round(4000 - 500 * Math.SQRT2));
  });

  it("turns the picture's places into one point of the wall, whichever way the camera looks", () => {
    const looking = { ...scene([room]), camera: { ...camera, yaw: 0.3, pitch: -0.1 } };
    const { millimetres } = render(looking, 1, 1);
    // Along the axis itself the depth is the distance: 7 m ahead over the two cosines.
    expect(millimetres[0]).toBe(Math.round(7000 / Math.cos(0.3) / Math.cos(0.1)));
  });

  it("draws scenes that a seed repeats, of which no depth is beyond 10 m", () => {
    for (let seed = 0; seed < 20; seed++) {
      const draw = () => render(drawScene(RandomStream.fromSeed(seed)), 12, 9);
      const { millimetres, pixels } = draw();
      expect(draw().pixels).toEqual(pixels);
      expect(Math.max(...millimetres)).toBeLessThan(10_000);
      expect(Math.min(...millimetres)).toBeGreaterThan(50);
    }
  });
});
