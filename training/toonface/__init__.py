"""Few-shot, multi-branch cartoon networks: training, evaluation and export for bevy_toonface."""
