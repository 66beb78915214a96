// A plan for a person: labels and values, each value wrapped to the terminal.

import { formatBytes, formatDuration, formatFacts } from "@dinov2/cli";
import type { PretrainPlan } from "@dinov2/training";

const whole = new Intl.NumberFormat("en").format;
const millions = (count: number) => `${(count / 1e6).toFixed(2)} M`;

export function describePlan(recipe: string, plan: PretrainPlan, columns?: number): string {
  const blocks = [
    formatFacts(`${recipe}, ${plan.precision}, on ${hardware(plan)}`, overview(plan), columns),
    formatFacts(`Memory${plan.gpus > 1 ? " of each GPU" : ""}`, memory(plan), columns),
    formatFacts("How this was found", assumptions(plan), columns),
  ];
  return blocks.join("\n\n");
}

const hardware = ({ gpus, gpu, gpuTeraflops }: PretrainPlan) =>
  gpu === null ? `${gpus} × ${numberOf(gpuTeraflops)} TFLOP/s` : `${gpus} ${gpu.toUpperCase()}`;

const numberOf = (value: number) => Number(value.toPrecision(3)).toString();

function overview(plan: PretrainPlan): [string, string][] {
  const { backbone, dinoHead, ibotHead } = plan.parameters;
  const ibot = ibotHead > 0 ? `, ${millions(ibotHead)} iBOT head` : ", iBOT through the same";
  return [
    ["parameters", `${millions(backbone)} backbone, ${millions(dinoHead)} DINO head${ibot}`],
    ["tokens of an image", `${plan.tokensPerImage.student} student, ${plan.tokensPerImage.teacher} teacher`],
    ["batch", `${whole(plan.batchSize)} images${plan.gpus > 1 ? `, ${whole(plan.imagesPerGpu)} a GPU` : ""}`],
    ["learning rate", `up to ${plan.learningRate.toExponential(2)}`],
    ["arithmetic", `${numberOf(plan.flopsPerStep / 1e12)} TFLOP a step`],
    ["steps", `${whole(plan.steps)}, ${formatDuration(plan.secondsPerStep)} each`],
    ["speed", `${whole(Number(plan.imagesPerSecond.toPrecision(3)))} images/s`],
    ["time", `${formatTime(plan.days)}${plan.gpus > 1 ? `, ${whole(Math.round(plan.gpuHours))} GPU-hours` : ""}`],
  ];
}

const formatTime = (days: number) => (days < 1 ? formatDuration(days * 86_400) : `${days.toFixed(1)} days`);

function memory({ memoryBytes }: PretrainPlan): [string, string][] {
  const parts: [string, number][] = [
    ["student", memoryBytes.student],
    ["teacher", memoryBytes.teacher],
    ["optimiser's moments", memoryBytes.optimizer],
    ["batch", memoryBytes.batch],
    ["activations", memoryBytes.activations],
    ["targets, logits", memoryBytes.targets],
    ["backward workspace", memoryBytes.workspace],
    ["gradients", memoryBytes.gradients],
  ];
  const peak: [string, string] = ["at the peak", `${formatBytes(memoryBytes.peak)} (the last four are not all there at once)`];
  return [...parts.map(([name, bytes]): [string, string] => [name, formatBytes(bytes)]), peak];
}

function assumptions(plan: PretrainPlan): [string, string][] {
  const rate = numberOf(plan.gpuTeraflops);
  const time =
    plan.gpu === null
      ? `${rate} TFLOP/s, as given, over a whole step`
      : `${rate} TFLOP/s of each ${plan.gpu.toUpperCase()}, a third of its ${plan.precision} peak, as the published runs of ` +
        "ViT-L and ViT-g on A100s achieved (0.30 to 0.38). Small networks achieve less: give what yours does with --gpu-tflops.";
  return [
    ["time", time],
    ["memory", "the tensors of a step, without the engine's own; weights and moments whole on every GPU"],
    ...(plan.gpus > 1 ? [["GPUs", "for comparison: a run of this version uses one"] as [string, string]] : []),
  ];
}
