import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { useData } from "../../web/data.js";
import { capital, count } from "../../web/format.js";
import { MAXIMUM_INPUT, hexOf, hexOfFile, judge } from "../../web/judging.js";
import { Badge, Card, Facts, From, Hex, Link, Loaded, Loading, Time, Title } from "../../web/parts.js";
import type { Check, Verdict } from "../../web/verdict.js";
import type { Trust } from "./view.js";

export function Page(): JSX.Element {
  const trust = useData<Trust>("/trust");
  return (
    <>
      <Title>Certificates</Title>
      <p class="lead">
        Paste or drop a certificate (compact or X.509), a presentation, a trust bundle, a revocation proof, head or
        list, or a committee list. It is decoded and verified in this browser, by the code that devices run, under the
        keys that the ledger has. It goes nowhere.
      </p>
      <Judging />
      <Card title="What a verifier trusts">
        <Loaded of={trust} what="the trust">
          {(value) => <TrustFacts trust={value} />}
        </Loaded>
      </Card>
    </>
  );
}

function Judging(): JSX.Element {
  const [text, setText] = useState("");
  const [state, setState] = useState<{
    readonly verdict?: Verdict;
    readonly isWorking?: boolean;
    readonly problem?: string;
  }>({});
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const newest = useRef(0);

  /** What was given last is what is shown, though the verdict on something before it comes later. */
  const check = async (given: () => Promise<string | undefined>): Promise<void> => {
    const mine = ++newest.current;
    const show = (next: typeof state): void => {
      if (mine === newest.current) setState(next);
    };
    show({ isWorking: true });
    try {
      const bytes = await given();
      if (bytes === undefined) throw new Error("This is neither hexadecimal digits, nor Base64, nor PEM.");
      show({ verdict: await judge({ bytes, time: Date.now() / 1000 }) });
    } catch (error) {
      show({ problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const take = (file: File | undefined): void => {
    if (file === undefined) return;
    setText("");
    void check(async () => {
      // Before it is read: a file of gigabytes would fill the memory.
      if (file.size <= MAXIMUM_INPUT) return hexOfFile(new Uint8Array(await file.arrayBuffer()));
      const [name, size, most] = [file.name.slice(0, 80), ...[file.size, MAXIMUM_INPUT].map(count)];
      throw new Error(`${name} has ${size} bytes; nothing here has more than ${most}.`);
    });
  };
  return (
    <Card title="Verify">
      <div
        class={isOver ? "drop over" : "drop"}
        data-drop
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files[0]);
        }}
      >
        <label for="object">Hexadecimal, Base64 or PEM</label>
        <textarea
          id="object"
          rows={4}
          spellcheck={false}
          maxLength={2 * MAXIMUM_INPUT}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          placeholder="d2844e…  or drop a file here"
        />
        <div class="row">
          <button
            type="button"
            class="primary"
            onClick={() => void check(() => Promise.resolve(hexOf(text)))}
            disabled={text.trim() === ""}
          >
            Verify
          </button>
          <button type="button" onClick={() => input.current?.click()}>
            Choose a file
          </button>
          <input
            ref={input}
            type="file"
            class="sr"
            tabIndex={-1}
            aria-label="File to verify"
            onChange={(event) => take(event.currentTarget.files?.[0])}
          />
        </div>
      </div>
      <div aria-live="polite">
        {state.isWorking === true ? <Loading what="the verdict" /> : null}
        {state.problem === undefined ? null : (
          <p class="failed" role="alert">
            {state.problem}
          </p>
        )}
        {state.verdict === undefined ? null : <Shown verdict={state.verdict} />}
      </div>
    </Card>
  );
}

const SIGNS = { passed: "✓", failed: "✕", open: "–" } as const;
const SPOKEN = { passed: "passed", failed: "failed", open: "not checked" } as const;

function Shown({ verdict }: { verdict: Verdict }): JSX.Element {
  const { accepted, kind, words, code, advice, checks, facts, index, times } = verdict;
  return (
    <div class={`verdict ${accepted ? "good" : "bad"}`} data-verdict={accepted ? "accepted" : (code ?? "refused")}>
      <p class="answer">
        <Badge tone={accepted ? "good" : "bad"}>{accepted ? "valid" : (code ?? "refused")}</Badge>{" "}
        {kind === undefined ? "" : <strong>{capital(kind)}. </strong>}
        {words} {advice === undefined ? "" : <span class="quiet">{advice}</span>}
      </p>
      <ul class="checks">
        {checks.map((one: Check) => (
          <li key={one.title} class={one.state}>
            <span aria-hidden="true">{SIGNS[one.state]}</span> <span class="sr">{SPOKEN[one.state]}: </span>
            <strong>{one.title}</strong> {one.words}
          </li>
        ))}
      </ul>
      <Facts
        list={facts.map(([name, value]) => [
          name,
          name === "Device" && index !== undefined ? (
            <Link kind="device" value={value} />
          ) : name === "Validator" ? (
            <Link kind="validator" value={value} />
          ) : times.includes(name) ? (
            <Time at={Number(value)} />
          ) : (
            <span class="break">{value}</span>
          ),
        ])}
      />
    </div>
  );
}

function TrustFacts({ trust }: { trust: Trust }): JSX.Element {
  return (
    <>
      <Facts
        list={[
          ["Mesh id", <Hex value={`0x${trust.meshId}`} />],
          ["Root CA's key (P-256)", <Hex value={trust.rootKey} />],
        ]}
      />
      {trust.generations.map(({ generation, bls, ed25519, office, crossCertificate }) => (
        <div key={generation}>
          <h3>Keys of generation {generation}</h3>
          <Facts
            list={[
              ["BLS12-381 group key", <Hex value={bls} />],
              ["Ed25519 group key", <Hex value={ed25519} />],
              ["First in office", <From source={office} />],
              crossCertificate !== undefined && ["Certified by the root CA", <From source={crossCertificate.source} />],
              crossCertificate !== undefined && [
                "Certificate counts",
                <>
                  from <Time at={crossCertificate.notBefore} /> until <Time at={crossCertificate.notAfter} />
                </>,
              ],
              crossCertificate === undefined && ["Certified by the root CA", <Badge tone="warning">not yet</Badge>],
            ]}
          />
        </div>
      ))}
    </>
  );
}
