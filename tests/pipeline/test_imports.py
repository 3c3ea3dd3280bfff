"""What the console imports of the pipeline before it draws costs no torch."""

import subprocess
import sys


def test_config_errors_and_cards_import_no_torch():
    program = (
        "import sys; import pipeline.config, pipeline.errors, pipeline.families as families; "
        "families.card(pipeline.config.Config()); "
        "print([name for name in ('torch', 'diffusers', 'transformers', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
