"""Google's Gemini: its wire form and its clients."""
