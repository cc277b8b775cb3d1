"""The floor: loads bundles and answers. It stays light, and never imports what trains or exports.

ONNX Runtime reports on the models that it runs to its maker unless this variable is set before it is first imported.
What runs here is nobody else's business: the report is off, for whoever has not said otherwise.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
