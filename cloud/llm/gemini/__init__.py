"""Google's Gemini, by the API's own language (`generateContent`)."""
