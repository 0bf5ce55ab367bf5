"""What people look at: plots, explorer, report and the text formatting they share."""
