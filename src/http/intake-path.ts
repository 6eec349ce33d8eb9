/** Where captures are brought. By GET the same place is the story of one capture, which is another matter (routes.ts). */
export const intakePath = '/v1/captures/:input';
