"""The stages of a drawing: base now, faces and detail later."""
