export { logisticEvaluator, type LogisticEvaluatorOptions } from "./logistic-evaluator.ts";
export { logisticLogits, LogisticRegression, OFFICIAL_CS, OFFICIAL_ITERATIONS, type LogisticFit, type LogisticModel } from "./logistic-regression.ts";
