//! Colours and letters. Every class begins with `cw-` and every rule with `.cw-graph`, for the picture may stand inside a page.
//! Plain properties only: programs that are no browser read them too.

/// Light first, then what the dark setting changes.
pub const STYLE: &str = "
.cw-graph text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans',sans-serif;fill:#1e293b}
.cw-graph .cw-ground{fill:#ffffff}
.cw-graph .cw-name{font-size:18px;font-weight:700}
.cw-graph .cw-sub{font-size:14px;fill:#475569}
.cw-graph .cw-tag{font-size:10px;font-weight:700;fill:#475569}
.cw-graph .cw-title{font-size:14px;font-weight:700}
.cw-graph .cw-line{font-size:12px}
.cw-graph .cw-ending{font-size:12px;font-weight:700}
.cw-graph .cw-why{font-size:11.5px;text-anchor:middle;fill:#334155}
.cw-graph .cw-again{font-size:11.5px;fill:#334155}
.cw-graph .cw-label{fill:#ffffff}
.cw-graph .cw-note{fill:#f8fafc;stroke:#cbd5e1}
.cw-graph .cw-arrow{fill:none;stroke:#64748b;stroke-width:1.4}
.cw-graph .cw-otherwise{stroke-dasharray:5 3}
.cw-graph .cw-head{fill:#64748b}
.cw-graph .cw-box{fill:#f8fafc;stroke:#64748b;stroke-width:1.4}
.cw-graph .cw-start .cw-box{fill:#e0f2fe;stroke:#0369a1}
.cw-graph .cw-decision .cw-box{fill:#fef9c3;stroke:#a16207}
.cw-graph .cw-call .cw-box{fill:#ede9fe;stroke:#6d28d9}
.cw-graph .cw-wait .cw-box{fill:#f1f5f9;stroke:#475569;stroke-dasharray:2 2}
.cw-graph .cw-end .cw-box{fill:#ffe4e6;stroke:#be123c;stroke-width:2}
.cw-graph .cw-yes .cw-box{fill:#dcfce7;stroke:#15803d}
.cw-graph .cw-no .cw-box{fill:#f1f5f9;stroke:#b91c1c;stroke-dasharray:6 3}
.cw-graph .cw-arrow.cw-yes{stroke:#15803d;stroke-width:2}
.cw-graph .cw-head.cw-yes{fill:#15803d}
.cw-graph .cw-arrow.cw-no{stroke:#b91c1c;stroke-dasharray:1 3}
.cw-graph .cw-head.cw-no{fill:#b91c1c}
@media (prefers-color-scheme:dark){
.cw-graph text{fill:#e2e8f0}
.cw-graph .cw-ground,.cw-graph .cw-label{fill:#0f172a}
.cw-graph .cw-sub,.cw-graph .cw-tag{fill:#cbd5e1}
.cw-graph .cw-why,.cw-graph .cw-again{fill:#cbd5e1}
.cw-graph .cw-note{fill:#1e293b;stroke:#475569}
.cw-graph .cw-arrow{stroke:#94a3b8}
.cw-graph .cw-head{fill:#94a3b8}
.cw-graph .cw-box{fill:#1e293b;stroke:#94a3b8}
.cw-graph .cw-start .cw-box{fill:#0c2d48;stroke:#38bdf8}
.cw-graph .cw-decision .cw-box{fill:#3a2e08;stroke:#facc15}
.cw-graph .cw-call .cw-box{fill:#2a1a52;stroke:#a78bfa}
.cw-graph .cw-wait .cw-box{fill:#1e293b;stroke:#94a3b8}
.cw-graph .cw-end .cw-box{fill:#4a0d1e;stroke:#fb7185}
.cw-graph .cw-yes .cw-box{fill:#0b3b20;stroke:#4ade80}
.cw-graph .cw-no .cw-box{fill:#1e293b;stroke:#f87171}
.cw-graph .cw-arrow.cw-yes{stroke:#4ade80}
.cw-graph .cw-head.cw-yes{fill:#4ade80}
.cw-graph .cw-arrow.cw-no{stroke:#f87171}
.cw-graph .cw-head.cw-no{fill:#f87171}
}";
