"""Papers about one or several studies, typeset as PDF, LaTeX or Markdown."""
