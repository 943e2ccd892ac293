"""The file formats of diarization, read and written without dependencies."""
