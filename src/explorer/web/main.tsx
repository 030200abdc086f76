/** Starts the pages. */
import { render } from "preact";

import { listen } from "./data.js";
import { Frame } from "./frame.js";
import { followLinks } from "./navigation.js";

addEventListener("click", followLinks);
listen();
render(<Frame />, document.getElementById("app") as HTMLElement);
