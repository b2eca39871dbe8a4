// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./css/base.css";
import "./css/shell.css";
import "./css/site.css";
import "./css/trend.css";
import { App } from "./views/app";

const host = document.getElementById("app");
if (host) render(<App />, host);
