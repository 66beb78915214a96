// A scene as a picture and its exact depths: one ray for each pixel's depth, four for its colour. A ray goes one metre along the
// camera's axis for each unit, so how far it goes is the depth, as depth cameras have it.

import { colorAt, type Color } from "./materials.ts";
import type { Ball, Box, Scene, Vector } from "./scene.ts";

export interface Rendering {
  /** [height, width, 3] */
  readonly pixels: Uint8Array;
  /** [height, width], millimetres along the camera's axis. */
  readonly millimetres: Uint16Array;
}

interface Hit {
  readonly distance: number;
  readonly normal: Vector;
  readonly color: Color;
}

/** Places of the colour rays in a pixel. */
const SAMPLES = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]] as const;
const AMBIENT = 0.35;

export function render(scene: Scene, width: number, height: number): Rendering {
  const pixels = new Uint8Array(3 * width * height);
  const millimetres = new Uint16Array(width * height);
  const rayOf = rays(scene.camera, width, height);
  for (let at = 0; at < width * height; at++) {
    const [column, row] = [at % width, Math.floor(at / width)];
    millimetres[at] = Math.round(1000 * nearest(scene, rayOf(column + 0.5, row + 0.5))!.distance);
    const sum = [0, 0, 0];
    for (const [dx, dy] of SAMPLES) {
      const ray = rayOf(column + dx, row + dy);
      shade(scene, ray, nearest(scene, ray)!).forEach((value, i) => (sum[i]! += value));
    }
    // Eyes and files count brightness by its root.
    for (let i = 0; i < 3; i++) pixels[3 * at + i] = Math.round(255 * Math.min(1, sum[i]! / SAMPLES.length) ** (1 / 2.2));
  }
  return { pixels, millimetres };
}

/** From a place in the picture to a direction in the room. */
function rays({ yaw, pitch, halfWidth }: Scene["camera"], width: number, height: number) {
  const [cosYaw, sinYaw, cosPitch, sinPitch] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return (column: number, row: number): Vector => {
    const right = (2 * column - width) / width * halfWidth;
    const up = (height - 2 * row) / width * halfWidth;
    const forward = cosPitch - up * sinPitch;
    return [cosYaw * right + sinYaw * forward, sinPitch + up * cosPitch, cosYaw * forward - sinYaw * right];
  };
}

function nearest({ solids, camera }: Scene, ray: Vector, from: Vector = camera.place): Hit | undefined {
  let best: Hit | undefined;
  for (const solid of solids) {
    const hit = solid.kind === "ball" ? hitBall(solid, from, ray) : hitBox(solid, from, ray);
    if (hit && (!best || hit.distance < best.distance)) best = hit;
  }
  return best;
}

/** Light that falls at an angle is weaker, and in the shadow there is only what the room gives back. */
function shade({ light, solids, camera }: Scene, ray: Vector, { distance, normal, color }: Hit): Color {
  const place = along(camera.place, ray, distance);
  const toLight = minus(light, place);
  const facing = Math.max(0, dot(normal, toLight) / Math.sqrt(dot(toLight, toLight)));
  const lifted = along(place, normal, 1e-3);
  const dark = nearest({ solids, light, camera }, toLight, lifted);
  const direct = dark && dark.distance < 1 ? 0 : (1 - AMBIENT) * facing;
  return color.map((value) => value * (AMBIENT + direct)) as unknown as Color;
}

function hitBall({ centre, radius, material }: Ball, from: Vector, ray: Vector): Hit | undefined {
  const offset = minus(from, centre);
  const [a, b, c] = [dot(ray, ray), dot(offset, ray), dot(offset, offset) - radius * radius];
  const root = b * b - a * c;
  if (root < 0) return undefined;
  const distance = (-b - Math.sqrt(root)) / a;
  if (distance <= 0) return undefined;
  const normal = minus(along(from, ray, distance), centre).map((value) => value / radius) as unknown as Vector;
  const [around, up] = [Math.atan2(normal[2], normal[0]) * radius, Math.asin(Math.max(-1, Math.min(1, normal[1]))) * radius];
  return { distance, normal, color: colorAt(material, around, up) };
}

/** The side of a box that a ray enters by, or, from inside, the one that it leaves by. */
function hitBox({ centre, half, turn, material, other }: Box, from: Vector, ray: Vector): Hit | undefined {
  const [start, direction] = [turned(minus(from, centre), -turn), turned(ray, -turn)];
  let [enter, leave, enterAxis, leaveAxis] = [-Infinity, Infinity, 0, 0];
  for (let axis = 0; axis < 3; axis++) {
    const reach = half[axis]! / Math.abs(direction[axis]!);
    const middle = -start[axis]! / direction[axis]!;
    if (middle - reach > enter) [enter, enterAxis] = [middle - reach, axis];
    if (middle + reach < leave) [leave, leaveAxis] = [middle + reach, axis];
  }
  if (enter > leave || leave <= 0) return undefined;
  const outside = enter > 0;
  const [distance, axis] = outside ? [enter, enterAxis] : [leave, leaveAxis];
  const normal = [0, 1, 2].map((i) => (i === axis ? -Math.sign(direction[i]!) : 0)) as unknown as Vector;
  const place = along(start, direction, distance);
  const [u, v] = axis === 1 ? [place[0], place[2]] : [place[axis === 0 ? 2 : 0], place[1]];
  const surface = axis === 1 && other ? other : material;
  return { distance, normal: turned(normal, turn), color: colorAt(surface, u, v) };
}

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const along = (from: Vector, direction: Vector, t: number): Vector =>
  [from[0] + t * direction[0], from[1] + t * direction[1], from[2] + t * direction[2]];

/** About the upright axis. */
function turned([x, y, z]: Vector, angle: number): Vector {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos * x + sin * z, y, cos * z - sin * x];
}
