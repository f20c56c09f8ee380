"""The paper: one study or several as a report to hand in, typeset as PDF, LaTeX or Markdown."""
