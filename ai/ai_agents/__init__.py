"""What agents need of models: `ai.ai_agents.providers`."""
