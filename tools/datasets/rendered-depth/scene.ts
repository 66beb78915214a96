// A room with things in it and somebody who looks at them. Metres; x to the right, y up, z into the room.

import type { RandomStream } from "@dinov2/foundation";
import { drawMaterial, type Material } from "./materials.ts";

export type Vector = readonly [number, number, number];

/** A box that was turned about its upright axis; a room is one seen from inside. */
export interface Box {
  readonly kind: "box";
  readonly centre: Vector;
  readonly half: Vector;
  /** Radians. */
  readonly turn: number;
  readonly material: Material;
  /** Of a room, the floor and the ceiling. */
  readonly other?: Material;
}

export interface Ball {
  readonly kind: "ball";
  readonly centre: Vector;
  readonly radius: number;
  readonly material: Material;
}

export interface Scene {
  readonly solids: readonly (Box | Ball)[];
  readonly light: Vector;
  readonly camera: { readonly place: Vector; readonly yaw: number; readonly pitch: number; readonly halfWidth: number };
}

export function drawScene(random: RandomStream): Scene {
  const half: Vector = [random.uniform(1.2, 3), random.uniform(1.15, 1.6), random.uniform(1.5, 3.5)];
  const room: Box = { kind: "box", centre: [0, half[1], 0], half, turn: 0, material: drawMaterial(random), other: drawMaterial(random) };
  const things = Array.from({ length: 3 + random.integer(7) }, () => drawThing(half, random));
  const light: Vector = [random.uniform(-0.8, 0.8) * half[0], 2 * half[1] - 0.2, random.uniform(-0.8, 0.8) * half[2]];
  const camera = {
    place: [random.uniform(-0.6, 0.6) * half[0], random.uniform(0.9, 1.8), -half[2] + 0.1] as Vector,
    yaw: random.uniform(-0.5, 0.5),
    pitch: random.uniform(-0.3, 0.1),
    halfWidth: random.uniform(0.5, 0.7),
  };
  return { solids: [room, ...things], light, camera };
}

/** Something that stands on the floor, or hangs in the air now and then, not at the camera's end of the room. */
function drawThing([halfX, halfY, halfZ]: Vector, random: RandomStream): Box | Ball {
  const [x, z] = [random.uniform(-0.9, 0.9) * halfX, random.uniform(-0.35, 0.9) * halfZ];
  const lift = random.bernoulli(0.15) ? random.uniform(0, halfY) : 0;
  const material = drawMaterial(random);
  if (random.bernoulli(0.35)) {
    const radius = random.uniform(0.12, 0.5);
    return { kind: "ball", centre: [x, radius + lift, z], radius, material };
  }
  const half: Vector = [random.uniform(0.1, 0.6), random.uniform(0.1, 0.8), random.uniform(0.1, 0.6)];
  return { kind: "box", centre: [x, half[1] + lift, z], half, turn: random.uniform(0, Math.PI), material };
}
