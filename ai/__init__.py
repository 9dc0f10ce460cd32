"""What is built on models: `ai.ai_agents`."""
