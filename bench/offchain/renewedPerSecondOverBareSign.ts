/** As `issuedPerSecondOverBareSign`, of devices that renew the certificate which this validator signed for. */
import type { OffchainFigure } from "../figure.js";
import { answerAll, issuedOverBareSign } from "./issuing-rate.js";

export const renewedPerSecondOverBareSign: OffchainFigure = {
  operation: "renewedPerSecondOverBareSign",
  unit: "certificates for each bare native BLS signature",
  goal: 0.5,
  best: undefined,
  source: "SPIRE: 500 signings/s for each address",

  measure: () =>
    issuedOverBareSign(async (validator) => {
      await answerAll(validator, validator.requests);
      return validator.renewals();
    }),
};
