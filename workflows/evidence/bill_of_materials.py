"""The model as a CycloneDX 1.6 document: its card, its files, its data, and the packages that serve it.

The fields are those of the CycloneDX specification (ECMA-424); a test validates them with the strict schema.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from glossator.workflows.evidence.facts import Facts

_MODEL, _BASE, _DATA = "model", "base-model", "training-data"
_NAMESPACE = uuid.UUID("b5b5cf3c-6b1b-5a54-8f3c-6e2f0e0b7c55")
"""Of the serial numbers: the same folder has the same number."""


def bill_of_materials(facts: Facts) -> dict[str, Any]:
    """Return the document as JSON values."""
    model, packages = facts["model"], facts["versions"]["installed"]
    serial = uuid.uuid5(_NAMESPACE, f"{model['digest']} {facts['created']}")
    trained = [_data_component(facts["data"])] + ([_base_component(model)] if model["base_model"] else [])
    components = [*trained, *_file_components(model["files"]), *map(_package_component, packages)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": facts["created"],
            "tools": {"components": [_tool(packages)]},
            "component": {
                "type": "machine-learning-model",
                "bom-ref": _MODEL,
                "name": model["name"],
                "version": model["digest"],
                "description": model["description"] or model["task"],
                **_licences(model["licence"]),
                "modelCard": _model_card(facts),
            },
        },
        "components": components,
        "dependencies": [
            {
                "ref": _MODEL,
                "dependsOn": [each["bom-ref"] for each in trained] + ([_ref(packages[0])] if packages else []),
            },
            *(
                {"ref": _ref(each), "dependsOn": [_ref({"name": name}) for name in each["requires"]]}
                for each in packages
            ),
        ],
    }


def _model_card(facts: Facts) -> dict[str, Any]:
    model = facts["model"]
    limits = [" ".join(line.split()) for line in facts["limits"].split("\n\n") if line.strip()]
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": model["task"],
            "modelArchitecture": model["algorithm"],
            "datasets": [{"ref": _DATA}],
            "inputs": [{"format": "text"}],
            "outputs": [{"format": _output(model)}],
        },
        "quantitativeAnalysis": {"performanceMetrics": _metrics(facts)},
        "considerations": {"technicalLimitations": limits},
        "properties": [
            {"name": f"glossator:{name}", "value": str(model[name])} for name in ("seed", "created", "input_tokens")
        ]
        + [{"name": "glossator:served_precision", "value": model["served"]["precision"]}]
        + [{"name": f"glossator:option:{name}", "value": str(value)} for name, value in model["options"].items()],
    }


def _output(model: Facts) -> str:
    if model["task"] == "text-embedding":
        return "vector"
    return f"{model['problem_type'] or model['task']}: {', '.join(model['labels'])}"


def _metrics(facts: Facts) -> list[dict[str, Any]]:
    """Return the metrics of the splits, then those of the slices."""
    found = [
        _metric(name, split, metric)
        for split, each in facts["figures"].items()
        for name, metric in each["metrics"].items()
    ]
    for run in facts["measured_again"]:
        found += [_metric("right", f"{each['by']}: {each['value']}", each["right"]) for each in run["slices"]]
    return found


def _metric(name: str, part: str, metric: Facts) -> dict[str, Any]:
    interval = {"lowerBound": str(metric["low"]), "upperBound": str(metric["high"])}
    return {"type": name, "value": str(metric["value"]), "slice": part, "confidenceInterval": interval}


def _data_component(data: Facts) -> dict[str, Any]:
    rows = ", ".join(f"{name} {count:,}" for name, count in data["measured_rows"].items())
    described = f"Labelled texts: {data['training_rows']:,} rows for training" + (
        f"; measured on: {rows}" if rows else ""
    )
    return {
        "type": "data",
        "bom-ref": _DATA,
        "name": "training corpus",
        "version": data["fingerprint"],
        "data": [{"type": "dataset", "name": "training corpus", "description": described}],
        "properties": [
            {"name": f"glossator:sha256:{use}", "value": each["sha256"]}
            for use, each in data["sources"].items()
            if each.get("sha256")
        ],
    }


def _base_component(model: Facts) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": _BASE,
        "name": model["base_model"],
        "version": model["base_revision"],
        "description": "What the training started from: its weights, or only its tokenizer; see the card.",
    }


def _file_components(files: Facts) -> list[dict[str, Any]]:
    return [
        {
            "type": "file",
            "bom-ref": f"file:{quote(name)}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": entry["sha256"]}],
        }
        for name, entry in files.items()
    ]


def _package_component(package: Facts) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _ref(package),
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:pypi/{package['name']}@{quote(package['version'])}",
        **_licences(package["licence"]),
    }


def _tool(packages: list[Facts]) -> dict[str, Any]:
    version = packages[0]["version"] if packages else "unknown"
    return {"type": "application", "name": "glossator", "version": version}


def _licences(stated: str | None) -> dict[str, Any]:
    """Return the licence as it is stated: people write it in many ways, so it is a name and no SPDX identifier."""
    return {} if stated is None else {"licenses": [{"license": {"name": stated}}]}


def _ref(package: Facts) -> str:
    return f"package:{package['name']}"
