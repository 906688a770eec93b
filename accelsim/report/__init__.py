"""What people read: text, JSON and pictures. The only importer of matplotlib."""
