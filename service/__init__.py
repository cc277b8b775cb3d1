"""The service: loads bundles and answers texts. It is light, and never imports training or export.

ONNX Runtime sends usage reports to its maker unless this variable is set before its first import. Reports are off by
default; set the variable yourself to change this.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
